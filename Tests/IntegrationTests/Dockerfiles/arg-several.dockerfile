FROM corpus-base
ARG one=1 two
RUN echo "$one $two" > /out
#: arg two=given
#: peers buildah
