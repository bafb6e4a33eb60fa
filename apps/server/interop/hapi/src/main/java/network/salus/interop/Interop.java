package network.salus.interop;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.client.api.IGenericClient;
import ca.uhn.fhir.rest.client.api.ServerValidationModeEnum;
import ca.uhn.fhir.rest.client.interceptor.BearerTokenAuthInterceptor;
import java.nio.file.Path;
import java.util.List;

/**
 * Runs every check against a node and prints one line each: {@code ok NAME} or {@code failed NAME: why}. Arguments: the FHIR
 * base, a bearer token, the id of a patient in the caller's care, and a folder of resources to judge.
 */
public final class Interop {
  private Interop() {}

  /** A check that throws has failed. */
  interface Check {
    void run() throws Exception;
  }

  record Named(String name, Check check) {}

  public static void main(String[] arguments) {
    String base = arguments[0];
    FhirContext context = FhirContext.forR4();
    context.getRestfulClientFactory().setServerValidationMode(ServerValidationModeEnum.NEVER);
    context.getRestfulClientFactory().setSocketTimeout(120_000);
    boolean isSound = true;
    for (EncodingEnum encoding : List.of(EncodingEnum.JSON, EncodingEnum.XML)) {
      IGenericClient client = context.newRestfulGenericClient(base);
      client.registerInterceptor(new BearerTokenAuthInterceptor(arguments[1]));
      client.setEncoding(encoding);
      isSound &= runAll(new RoundTrips(client, arguments[2]).checks(), encoding.name().toLowerCase() + ": ");
    }
    isSound &= runAll(new Verdicts(context).checks(Path.of(arguments[3])), "");
    // Threads of the client's pool would keep the process.
    System.exit(isSound ? 0 : 1);
  }

  private static boolean runAll(List<Named> checks, String prefix) {
    boolean isSound = true;
    for (Named named : checks) {
      try {
        named.check().run();
        System.out.println("ok " + prefix + named.name());
      } catch (Exception | AssertionError failure) {
        isSound = false;
        String why = String.valueOf(failure.getMessage()).replace('\n', ' ');
        System.out.println("failed " + prefix + named.name() + ": " + failure.getClass().getSimpleName() + " " + why);
      }
    }
    return isSound;
  }
}
