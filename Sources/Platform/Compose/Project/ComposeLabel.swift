/// The labels by which compose knows its containers, networks and volumes, as docker's compose writes them.
public enum ComposeLabel {
  public static let project = "com.docker.compose.project"
  public static let service = "com.docker.compose.service"
  public static let network = "com.docker.compose.network"
  public static let volume = "com.docker.compose.volume"
  public static let configHash = "com.docker.compose.config-hash"
  public static let containerNumber = "com.docker.compose.container-number"
  /// `True` or `False`
  public static let oneOff = "com.docker.compose.oneoff"
  public static let workingDirectory = "com.docker.compose.project.working_dir"
  /// Separated by commas.
  public static let configFiles = "com.docker.compose.project.config_files"
  public static let environmentFiles = "com.docker.compose.project.environment_file"
  /// `db:service_healthy:false,redis:service_started:true`: service, condition, restart.
  public static let dependsOn = "com.docker.compose.depends_on"
  /// The image's id.
  public static let image = "com.docker.compose.image"
  public static let replaces = "com.docker.compose.replace"
}
