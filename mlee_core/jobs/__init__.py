"""Jobs: experiments that run in detached processes; how they are queued, watched and controlled. No torch."""
