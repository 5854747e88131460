FROM corpus-base
RUN <<EOF
echo x
#: fails unterminated heredoc
