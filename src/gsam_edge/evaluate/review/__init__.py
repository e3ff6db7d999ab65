"""Which labels a person should look at again, which images to label next, and how corrections come back."""
