FROM corpus-base
RUN --mount=type=cache,id=own,target=/one,sharing=locked echo x > /one/x
RUN --mount=type=cache,id=own,target=/two cp /two/x /out
#: peers buildah
