FROM corpus-base
RUN mkdir /d && echo x > /d/x && echo y > /d/y
RUN rm /d/x
RUN rm -r /d && mkdir /d && echo z > /d/z
#: peers docker buildah
