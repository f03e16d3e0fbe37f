"""Jobs: experiments that run in detached processes, and what others see and ask of them. No torch, no Qt."""
