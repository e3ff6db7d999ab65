"""Charts as inline SVG: small, without a library, in the colours of the page that holds them."""
