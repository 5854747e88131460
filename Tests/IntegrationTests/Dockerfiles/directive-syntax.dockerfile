# syntax=docker/dockerfile:1
FROM busybox
RUN echo x > /x
