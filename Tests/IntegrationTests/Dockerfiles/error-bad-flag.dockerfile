FROM busybox
COPY --chmdo=1 a.txt /
#: fails unknown flag: --chmdo
