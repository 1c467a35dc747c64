"""The Compare tab: one image and one question, up to four answers side by side."""
