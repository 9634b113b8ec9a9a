"""Notification 通知系统: tells merchants what became of their payments."""
