"""LT-87 as bytes: frames and fields (`wire`) and the private data of DE48 (`tlv`)."""
