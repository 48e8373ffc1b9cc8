"""HTTP, WebSocket and pages: decode, hand over, answer."""
