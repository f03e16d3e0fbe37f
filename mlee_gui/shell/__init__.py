"""What every page needs: the main window, actions, settings, theme, messages, processes."""
