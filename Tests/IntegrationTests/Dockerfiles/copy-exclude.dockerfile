FROM corpus-base
COPY --exclude=*.md dir /dir
COPY --exclude=sub --exclude=*.md dir /other
