FROM corpus-base
ENV one=1 two="2 2" three=3\ 3
ENV four 4 is old
ENV one=$two
RUN echo "$one $three $four" > /out
#: peers docker buildah
