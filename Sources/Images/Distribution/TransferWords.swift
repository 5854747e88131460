import Model
import RegistryClient

/// Failures in the words that docker's clients know.
enum TransferWords {
  static func pull(_ failure: RegistryFailure, _ reference: ImageReference) -> PlatformError {
    switch failure.kind {
    case .notFound where !failure.codes.contains("NAME_UNKNOWN"):
      return PlatformError(
        .notFound, "manifest for \(reference.familiar) not found: manifest unknown: manifest unknown")
    case .notFound, .unauthorized, .denied:
      return PlatformError(
        .notFound,
        "pull access denied for \(reference.familiarName), repository does not exist or may require 'docker login': "
          + "denied: requested access to the resource is denied", context: ["registry": failure.message])
    case .tooManyRequests:
      return PlatformError(.resourceExhausted, "toomanyrequests: \(failure.message)")
    default: return failure.platformError("pull image '\(reference.familiar)'")
    }
  }

  static func push(_ failure: RegistryFailure, _ reference: ImageReference) -> PlatformError {
    switch failure.kind {
    case .denied:
      return PlatformError(.forbidden, "denied: requested access to the resource is denied (\(failure.message))")
    case .unauthorized:
      return PlatformError(.unauthenticated, "unauthorized: authentication required (\(failure.message))")
    default: return failure.platformError("push image '\(reference.familiar)'")
    }
  }
}
