"""What a subscriber is told by mail: which events, after how many failures, in which words."""
