"""The gallery: every screen and receipt as a picture, made by stories, compared in tests, shown in docs/screens.md."""
