FROM corpus-base
SHELL ["/bin/sh", "-ec"]
RUN echo x > /out
CMD run
#: peers docker buildah
