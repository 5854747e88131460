import Model
import OCITypes

extension SeccompProfile {
  /// A client's profile in docker's JSON form.
  public static func parse(_ bytes: [UInt8], terms: SeccompTerms) throws -> RuntimeSpec.Linux.Seccomp {
    throw PlatformError(.notImplemented, "seccomp profiles of a client's own are not supported")
  }
}
