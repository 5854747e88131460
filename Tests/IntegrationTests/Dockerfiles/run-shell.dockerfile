FROM corpus-base
RUN echo "a b" > /out && echo c >> /out
#: peers docker buildah
