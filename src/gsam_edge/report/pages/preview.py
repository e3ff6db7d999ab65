"""Where the first screen stands in the report's file, for those who show only that."""

from markupsafe import Markup

#: Comments before and after the first screen.
PREVIEW = (Markup("<!-- first screen -->"), Markup("<!-- end of the first screen -->"))
