FROM corpus-base
RUN echo x > /file && ln /file /hard && ln -s file /soft && ln -s /nowhere /dangling
#: peers docker buildah
