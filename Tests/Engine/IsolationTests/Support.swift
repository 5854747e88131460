import Model
import Testing

@testable import Isolation

/// Runs `body` and gives the code and message of the `PlatformError` it throws; records an issue where it throws none.
func failure(_ body: () throws -> Void, sourceLocation: SourceLocation = #_sourceLocation) -> (
  code: PlatformError.Code?, message: String
) {
  do {
    try body()
    Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    return (nil, "")
  } catch let error as PlatformError {
    return (error.code, error.message)
  } catch {
    Issue.record("thrown: \(error)", sourceLocation: sourceLocation)
    return (nil, "")
  }
}

func settings(_ change: (inout ContainerSettings) -> Void) -> ContainerSettings {
  var settings = ContainerSettings(image: "busybox")
  change(&settings)
  return settings
}
