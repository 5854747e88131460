import ArgumentParser

struct ComposeGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compose",
    abstract: "Applications of several containers, by compose files.",
    discussion: """
      Options before the command:
        -f, --file FILE            A compose file, - for standard input; may be
                                   repeated, later ones are laid over earlier
        -p, --project-name NAME    The project's name
        --profile NAME             Services of this profile too, * for all
        --env-file FILE            Variables for the files, instead of .env
        --project-directory DIR    Where relative paths start
        --allow-outside            extends and include may leave that folder

      Without -f: $COMPOSE_FILE, else compose.yaml or docker-compose.yml with
      its override, here or in a folder above.
      """,
    subcommands: [
      ComposeUp.self, ComposeDown.self, ComposePs.self, ComposeLogs.self, ComposeExec.self, ComposeRun.self,
      ComposeBuildCommand.self, ComposePull.self, ComposePush.self, ComposeConfig.self, ComposeCreate.self,
      ComposeStart.self, ComposeStop.self, ComposeRestart.self, ComposeKill.self, ComposePause.self,
      ComposeUnpause.self, ComposeRemove.self, ComposeScale.self, ComposeWait.self, ComposeTop.self,
      ComposePortCommand.self, ComposeImages.self, ComposeEvents.self, ComposeList.self, ComposeAttach.self,
      ComposeCopy.self, ComposeWatch.self,
      ComposeStats.self, ComposeVolumes.self, ComposeExport.self, ComposeCommit.self, ComposeVersion.self,
    ])
}
