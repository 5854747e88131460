FROM busybox
COPY --link a.txt /made/a.txt
