ARG BASE=nothing
FROM ${BASE}
RUN echo x > /x
#: peers docker buildah
#: arg BASE=corpus-base
