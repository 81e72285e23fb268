"""Several hosts with the same rooms. The one folder that imports redis."""
