"""The questions of the book, a file for each chapter. `sotatrain.questionnaire` asks them."""
