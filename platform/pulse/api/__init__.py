"""What all REST views share: errors, paging, rendering, schema."""
