FROM corpus-base
CMD ["base"]
ENTRYPOINT ["/bin/echo"]
#: peers docker buildah
