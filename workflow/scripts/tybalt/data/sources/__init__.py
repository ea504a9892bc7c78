"""Tables that are downloaded."""
