ARG BASE=corpus-base
FROM ${BASE}
RUN echo x > /x
#: peers docker buildah
