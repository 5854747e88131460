FROM busybox
RUN echo before; exit 3
#: fails 3
