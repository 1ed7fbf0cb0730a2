"""The ground floor: what every other part may use, and what uses nothing of ours."""
