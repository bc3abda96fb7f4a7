"""The hosted pages: the same flows as the API's, shown to a person. Imported only when a page is asked for."""
