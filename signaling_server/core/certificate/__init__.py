"""What `new-certificate` puts into an authority and a certificate, and when it renews."""
