// Files whose names change with their bytes never change: the viewer response function of what is below /assets and
// /media. A browser keeps them for a year and does not ask again.
//
// A function, and not a headers policy, because CloudFront runs it for what was found only: a "not found" that a browser
// kept for a year would outlive the second in which a file was not there yet.
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/edge-function-restrictions-all.html

function handler(event) {
    const response = event.response;
    response.headers['cache-control'] = { value: 'public, max-age=31536000, immutable' };
    return response;
}
