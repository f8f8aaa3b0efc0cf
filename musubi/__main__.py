"""``python -m musubi``."""

from musubi.command import main

if __name__ == "__main__":
    main()
