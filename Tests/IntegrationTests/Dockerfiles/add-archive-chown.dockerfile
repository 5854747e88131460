FROM busybox
ADD --chown=12:34 a.txt /x/
