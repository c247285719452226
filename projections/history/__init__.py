"""The one history: every recorded action in columns, in position order, from which the other views derive."""
