FROM corpus-base
COPY exec.sh /exec.sh
RUN /exec.sh > /out
#: peers docker buildah
