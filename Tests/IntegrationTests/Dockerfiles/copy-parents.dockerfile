FROM busybox
COPY --parents dir/sub/two.txt /p/
