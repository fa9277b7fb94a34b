"""One module for each family of pictures: data in, figure out."""
