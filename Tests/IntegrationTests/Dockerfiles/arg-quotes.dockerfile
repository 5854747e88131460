FROM corpus-base
ARG a="x y"
RUN echo "$a" > /out
#: peers docker buildah
