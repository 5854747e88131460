FROM corpus-base
RUN mkdir -m 1777 /sticky && echo x > /suid && chmod 4755 /suid && chown 12:34 /suid
#: peers docker buildah
