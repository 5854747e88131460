ARG BASE=busybox
FROM ${BASE}
RUN echo x > /x
#: peers docker buildah
