FROM corpus-base
ARG A=one
ENV B=two
RUN echo "$A $B" > /out
#: peers docker buildah
