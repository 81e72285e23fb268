# Makes hawkeye-signaling@.service from hawkeye-signaling.service: what an instance has of its own.
# Configuration: /etc/hawkeye-signaling/INSTANCE (the name of an instance has no dot: not conf.d).
1i # Made from hawkeye-signaling.service by instance.sed. %i is the name of the instance.
s|^Description=.*|& (%i)|
s|^ExecStart=.*|& --instance %i|
s|^ExecReload=.* check-config$|& --instance %i|
s|^StateDirectory=.*|&/%i|
s|^RuntimeDirectory=.*|&/%i|
