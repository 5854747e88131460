ARG V=7
FROM corpus-base
RUN echo "[$V]" > /out
#: peers docker buildah
