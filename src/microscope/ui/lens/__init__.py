"""The Lens on the page: findings as a payload, and the component that draws them; knows no model."""
