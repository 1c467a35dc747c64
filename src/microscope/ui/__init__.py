"""The pages: one module a tab, the theme, and every sentence people see; the only room that imports Gradio."""
