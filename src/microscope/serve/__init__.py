"""What is served beside the page: health, webhooks, and models that are exchanged while it runs; knows no page."""
